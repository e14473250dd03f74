"""Discovery: outliers, doubtful labels and periods, parts of classes."""
