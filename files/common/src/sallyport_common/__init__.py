"""What every Sallyport component shares; knows no component and no business rule."""
