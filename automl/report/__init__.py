"""A study told to people: a trial in a paragraph, a study on a page."""
