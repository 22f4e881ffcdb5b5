"""Where data comes from: the weekly record, and the monthly series that a run keeps."""
