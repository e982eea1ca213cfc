"""The files by which components hand work over: each has one type, one writer, one strict reader.

`WorkspaceManifest` goes from the runner to the hatch, `ApprovedManifest` from the hatch to the
publisher. A reader accepts exactly what `to_json` writes and names every fault of anything else.
"""

from sallyport_common.manifests.approved import ApprovedFile, ApprovedManifest
from sallyport_common.manifests.reader import ManifestError
from sallyport_common.manifests.workspace import Output, WorkspaceManifest

__all__ = ["ApprovedFile", "ApprovedManifest", "ManifestError", "Output", "WorkspaceManifest"]
