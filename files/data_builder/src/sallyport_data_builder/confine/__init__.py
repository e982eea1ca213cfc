"""Study code runs in a child process that holds nothing worth taking."""
