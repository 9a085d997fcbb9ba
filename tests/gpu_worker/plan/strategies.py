"""What the tests of the plan draw timestamps from."""

from fractions import Fraction

from hypothesis import strategies as st

STEPS = st.lists(st.sampled_from([1, 2, 1001, 3003]), min_size=1, max_size=80)
TIME_BASES = st.sampled_from([Fraction(1, 24), Fraction(1, 1000), Fraction(1001, 30000)])
