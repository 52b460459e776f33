"""The search for the most accurate model within a time budget: candidates, an Optuna study, times on a device."""
