"""Units and descriptions of the columns of the tables of discoveries (docs/discovery.md)."""

from skybind.tables import Notes

_OBJECT: dict[str, Notes] = {
    "object_id": (None, "Name of the object"),
    "split": (None, "Part of the split that it belongs to"),
    "label": (None, "Class in the catalogue"),
    "row": (None, "Row in the dataset, from 0"),
}

OUTLIER_NOTES: dict[str, Notes] = {
    **_OBJECT,
    "rank": (None, "By suspicion, from 1"),
    "suspicion": (None, "-log10 of the share of training objects that are at least as strange"),
    "reasons": (None, "What is strange about it, in words"),
    "suggested_label": (None, "Class that the neighbours suggest where they doubt the label"),
    "outside_main_cluster": (None, "Outside the main cluster of its class"),
    "in_no_cluster": (None, "In no cluster of the whole survey"),
    "in_small_group": (None, "In a small group apart from all others"),
    "label_doubt": (None, "Votes for the best other class less those for its own, -1 to 1"),
    "modalities_far_from_centroid": (None, "Modalities beyond the percentile of its class"),
    "centroid_distance_*": (None, "Cosine distance from the centroid of its class"),
    "period_doubt": (None, "How much the embeddings doubt the catalogue period, 0 to 1"),
    "period_factor": (None, "What the catalogue period should be multiplied by"),
    "isolation_*": (None, "Mean cosine distance of the 8 nearest training objects"),
    "density_*": (None, "Local outlier factor"),
    "distance_*": (None, "Mahalanobis distance"),
    "disagreement_*": (None, "How seldom two modalities agree so little, 0 to 1"),
}

PART_NOTES: dict[str, Notes] = {
    **_OBJECT,
    "class": (None, "Its class"),
    "modality": (None, "Whose embeddings were divided; all: their mean"),
    "part": (None, "Part of the class, from 0"),
}

LABEL_NOTES: dict[str, Notes] = {
    **_OBJECT,
    "suggested": (None, "The most probable class in use"),
    "probability": (None, "Its probability"),
    "agree": (None, "Whether neighbours and classifier suggest the same"),
    "p_*": (None, "Probability of the class"),
    "votes_*": (None, "Share of the neighbours' votes for the class"),
    "classifier_*": (None, "Probability of the class by the classifier"),
}

DECISION_NOTES: dict[str, Notes] = {
    **_OBJECT,
    "predicted": (None, "The class decided on"),
    "probability": (None, "Its probability"),
    "carried_by": (None, "Modality with the largest share"),
    "share_*": ("nat", "What the modality added to the log-probability of the class"),
    "without_*": ("nat", "By how much it falls without the modality"),
}

MAP_NOTES: dict[str, Notes] = {
    **_OBJECT,
    "suspicion": OUTLIER_NOTES["suspicion"],
    "reasons": OUTLIER_NOTES["reasons"],
    "x": (None, "First axis of the map of all modalities"),
    "y": (None, "Second axis of the map of all modalities"),
    "x_*": (None, "First axis of the map of the modality"),
    "y_*": (None, "Second axis of the map of the modality"),
}
