"""What an import would make of a survey, seen before it is made."""
