"""Stand-ins for the programs of LIUM, ALIZÉ and SPro: they check what they are told, read the sound, and write turns.

A second of sound belongs to one of two speakers by its loudness, so that what comes back shows that it was read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_HEAD = f"""#!{sys.executable}
import sys, os, wave
import numpy as np
def share(samples):
    "Speaker of each whole second by its loudness."
    seconds = [samples[i:i + 16000].astype(float) for i in range(0, len(samples), 16000)]
    return ["loud" if np.abs(part).mean() > 1500 else "soft" for part in seconds]
def need(condition, what):
    if not condition:
        print("Exception: " + what); sys.exit(3)
"""

JAVA = (
    _HEAD
    + """
arguments = sys.argv[1:]
need(arguments[0].startswith("-Xmx") and arguments[0].endswith("m"), "no memory")
need(arguments[1] == "-cp" and os.path.isfile(arguments[2]), "no jar")
need(arguments[3] == "fr.lium.spkDiarization.system.Diarization", "no program")
need("--fInputMask=%s.wav" in arguments and "--sOutputMask=%s.seg" in arguments, "no masks")
need(arguments[-1] == "recording", "no show")
with wave.open("recording.wav") as file:
    need((file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000), "other sound")
    found = share(np.frombuffer(file.readframes(file.getnframes()), "<i2"))
clr = "--doCEClustering" in arguments
with open("recording.seg", "w") as file:
    for cluster in sorted(set(found)):
        file.write(";; cluster " + cluster + " [ score:FS = -33.1 ]\\n")
        for i, who in enumerate(found):
            if who == cluster:
                file.write(f"recording 1 {100 * i} 100 F S U {cluster if clr else 'S' + str(i)}\\n")
"""
)

SFBCEP = (
    _HEAD
    + """
need(sys.argv[1:-2] == ["-F", "PCM16", "-f", "16000", "-p", "20", "-e"], "other features")
samples = np.fromfile(sys.argv[-2], "<i2")
with open(sys.argv[-1], "w") as file:
    file.write(" ".join(share(samples)))
"""
)

SEGMENTATION = (
    _HEAD
    + """
told = dict(zip(sys.argv[1::2], sys.argv[2::2]))
config = dict(line.split(" ", 1) for line in open(told["--config"]).read().splitlines() if line.strip())
need(open(told["--listFileToSegment"]).read().split() == ["recording"], "no list")
need(config["vectSize"] == "21" and config["loadFeatureFileFormat"] == "SPRO4", "other features")
again = os.path.basename(sys.argv[0]) == "ReSegmentation"
need(config["trainAlgo"] == ("MAP" if again else "EM"), "other training")
found = open(told["--featureFilesPath"] + "recording" + config["loadFeatureFileExtension"]).read().split()
labels = [line.split() for line in open(told["--labelFilesPath"] + "recording" + told["--labelFilesExtension"])]
need(bool(labels), "no labels")
if not again:
    need({label for _, _, label in labels} == {"speech"}, "no speech")
with open(told["--outputFilesPath"] + "recording.lbl", "w") as file:
    for start, end, label in labels:
        if again:  # the speakers of the first program, by another name
            file.write(f"{start} {end} again_{label}\\n")
            continue
        at, end = float(start), float(end) + 0.01
        while at < end - 1e-6:
            until = min(end, int(at + 1e-6) + 1.0)
            file.write(f"{at:.2f} {until - 0.01:.2f} {found[int(at + 1e-6)]}\\n")
            at = until
"""
)


def install(folder: Path, **programs: str) -> Path:
    """The folder with programs by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in programs.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        os.chmod(path, 0o755)
    return folder


def lium(folder: Path, java: str = JAVA) -> dict[str, str]:
    """Settings of the diarizer `lium` for a stand-in."""
    install(folder, java=java)
    (folder / "LIUM_SpkDiarization-8.4.1.jar").write_bytes(b"PK")
    return {"java": str(folder / "java"), "jar": str(folder / "LIUM_SpkDiarization-8.4.1.jar")}


def alize(folder: Path) -> dict[str, str]:
    """Settings of the diarizer `alize` for stand-ins."""
    install(folder, sfbcep=SFBCEP, Segmentation=SEGMENTATION, ReSegmentation=SEGMENTATION)
    return {"bin": str(folder)}
