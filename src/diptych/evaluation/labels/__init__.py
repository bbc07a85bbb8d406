"""Whether pictures show what their labels say: the FCN-style score, by one confusion matrix."""
