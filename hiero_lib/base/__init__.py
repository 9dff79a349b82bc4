"""What every other package stands on: errors, files, progress, device, processes. Nothing here knows of videos."""
