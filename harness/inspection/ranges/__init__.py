"""What model files say of the numbers they are meant to be fed, a file a form."""
