"""The kiosk's page and what else is asked for over HTTP."""
