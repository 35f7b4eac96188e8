"""Make the sample recordings and their references again.

    python samples/make_samples.py                 # all of them, in place
    python samples/make_samples.py standup call    # some
    python samples/make_samples.py --out DIR       # elsewhere

Needs espeak-ng and flite (apt install espeak-ng flite), and numpy, scipy and av.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __package__ in (None, ""):  # run as a file: let `samples` be imported as a package
    sys.path.insert(0, str(HERE.parent))

from samples.encoding import write_recording  # noqa: E402
from samples.performance import Performance, perform  # noqa: E402
from samples.references import rttm, stm, words_tsv  # noqa: E402
from samples.script import Script, ScriptError, load_script, script_names  # noqa: E402
from samples.synthesis import SynthesisError  # noqa: E402

SEED = 1


def make(script: Script, folder: Path, *, seed: int = SEED) -> Performance:
    """Perform `script`; write the recording into `folder` and its references into `folder`/reference."""
    performance = perform(script, seed=seed)
    reference = folder / "reference"
    reference.mkdir(parents=True, exist_ok=True)
    write_recording(performance, folder / script.file)
    for suffix, text in ((".rttm", rttm), (".stm", stm), (".words.tsv", words_tsv)):
        (reference / f"{script.name}{suffix}").write_text(text(performance), encoding="utf-8", newline="\n")
    return performance


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(description="Make the sample recordings and their references again.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all of {', '.join(script_names())})")
    parser.add_argument("--seed", type=int, default=SEED, help="for pauses, levels and noise (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the results (default: beside this file)")
    options = parser.parse_args(arguments)
    try:
        for script in [load_script(name) for name in options.names or script_names()]:
            made = make(script, options.out, seed=options.seed)
            size_kb = (options.out / script.file).stat().st_size / 1000
            print(f"{script.file}: {made.duration:.1f} s, {len(made.words)} words, {size_kb:.0f} kB")
    except (SynthesisError, ScriptError, OSError) as error:
        print(f"make_samples: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
