"""What a curation keeps."""
