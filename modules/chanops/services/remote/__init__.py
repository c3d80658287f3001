"""What is done on machines over SSH, as jobs: commands, scripts, files, keys."""
