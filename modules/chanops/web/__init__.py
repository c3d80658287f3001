"""Pages and feeds over HTTP; reading only."""
