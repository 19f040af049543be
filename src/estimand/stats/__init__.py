"""Arrays in, arrays out: the statistics, without the nouns of the product."""
