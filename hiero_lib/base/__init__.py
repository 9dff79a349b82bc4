"""What every other package stands on: errors, files, locks, progress, devices. Nothing here knows of videos."""
