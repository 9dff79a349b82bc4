#!/usr/bin/env bash
# The notebooks in an environment as old and as bare as Colab's: its plotly, ipywidgets and gdown, without
# torch-geometric, papermill and jupyterlab. Their set-up cell installs what is missing. Colab has Python 3.13 and
# torch 2.11 with CUDA; here it is the Python that is there, and the tested torch for the CPU.
#
#   bash tests/tools/colab_floor.sh [PYTHON [TORCH]]          some minutes on two cores
#
# Without arguments Python 3.13 is tried as well, where it and a build of the tested torch for it without CUDA can be had;
# it says so where not. By hand, with Colab's own torch (some 5 GB on disk): bash tests/tools/colab_floor.sh python3.13 torch==2.11.0
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
torch=${2:-$(grep '^torch==' constraints.txt)}
"${1:-python3.11}" -m venv "$scratch/venv"
pip() { "$scratch/venv/bin/python" -m pip --quiet --quiet --disable-pip-version-check "$@"; }

# What Colab ships of what the kit needs; the classic notebook is what ipywidgets 7 runs on there.
pip install --no-compile "$torch" plotly==5.24.1 ipywidgets==7.7.1 notebook==6.5.7 gdown==5.2.0 \
    accelerate transformers safetensors numpy scipy scikit-learn polars pyyaml tqdm matplotlib requests nbclient
echo "floor environment: $SECONDS s"
export HF_HUB_OFFLINE=1 COLAB_RELEASE_TAG=floor OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
"$scratch/venv/bin/python" tests/tools/colab_floor.py "$scratch"
pip install pytest beartype
"$scratch/venv/bin/python" -m pytest -q -p no:cacheprovider -W ignore::DeprecationWarning \
    tests/sources/download/test_fetch.py -k "drive or folder or page"
echo "floor: $SECONDS s in all"
if [ $# -eq 0 ]; then
    if ! command -v python3.13 > /dev/null; then
        echo "floor on Python 3.13: not run, there is no python3.13"
    elif ! pip download --no-deps --only-binary :all: --python-version 3.13 --dest "$scratch" "$torch+cpu" 2> /dev/null; then
        echo "floor on Python 3.13: not run, there is no build of $torch without CUDA for it here"
    else
        bash tests/tools/colab_floor.sh python3.13
    fi
fi
