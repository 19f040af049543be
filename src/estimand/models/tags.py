"""What scikit-learn's pipelines ask of an estimator before they take it, said without importing scikit-learn."""

from dataclasses import dataclass, field


@dataclass
class InputTags:
    """What features may be."""

    one_d_array: bool = False
    two_d_array: bool = True
    three_d_array: bool = False
    sparse: bool = False
    categorical: bool = False
    string: bool = False
    dict: bool = False
    positive_only: bool = False
    allow_nan: bool = False
    pairwise: bool = False


@dataclass
class TargetTags:
    """What the second argument of ``fit`` may be."""

    required: bool = True
    one_d_labels: bool = False
    two_d_labels: bool = False
    positive_only: bool = False
    multi_output: bool = False
    single_output: bool = True


@dataclass
class RegressorTags:
    """What a regressor is."""

    poor_score: bool = False


@dataclass
class Tags:
    """What the estimator is; of effects neither a classifier nor a regressor, as effects are never observed.

    The names are those of ``sklearn.utils.Tags``, whose parts scikit-learn may write to.
    """

    estimator_type: str | None = None
    target_tags: TargetTags = field(default_factory=TargetTags)
    transformer_tags: None = None
    classifier_tags: None = None
    regressor_tags: RegressorTags | None = None
    array_api_support: bool = False
    no_validation: bool = False
    non_deterministic: bool = False
    requires_fit: bool = True
    input_tags: InputTags = field(default_factory=InputTags)
    _skip_test: bool = False
