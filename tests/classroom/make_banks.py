"""Write the banks of named errors: python tests/classroom/make_banks.py"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from banks import lstm, rnn, rnn_forward

from numpylstm.classroom.naming import FOLDER, make_bank

BANKS = {"lstm": lstm, "rnn": rnn, "rnn_forward": rnn_forward}


def make(folder, names=tuple(BANKS)):
    for name in names:
        module = BANKS[name]
        errors = {sentence: module.run(switch) for switch, sentence in module.ERRORS.items()}
        make_bank(name, errors, module.run(), folder)


if __name__ == "__main__":
    make(FOLDER)
