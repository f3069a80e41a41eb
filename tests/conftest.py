"""Settings for all tests."""

from numpylstm.threads import set_threads

# The products here are small: a second thread costs more than it saves, and on a busy machine far more.
set_threads(1)
