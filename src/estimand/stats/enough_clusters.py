"""How many clusters are held to suffice for inference that takes them to be many.

The line depends on how unequal they are; for equal ones, between 20 and 50 are named (Cameron & Miller 2015,
doi:10.3368/jhr.50.2.317).
"""

MANY_CLUSTERS = 40
# In an arm, in a cohort, or on one side of treatment.
FEW_OF_A_KIND = 5
