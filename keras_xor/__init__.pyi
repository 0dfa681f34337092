from . import data as data
from . import files as files
from . import model as model
from . import outcomes as outcomes
from . import playground as playground
from . import plots as plots
from . import prediction as prediction
from . import recording as recording
from . import run as run
from . import signature as signature
from . import study as study
from . import training as training
from .data import xor_batches as xor_batches
from .files import export as export
from .files import load_model as load_model
from .files import save_model as save_model
from .model import build_model as build_model
from .prediction import predict as predict
from .recipe import Recipe as Recipe
from .recording import train_run as train_run
from .run import Run as Run
from .study import Study as Study
from .study import seed_study as seed_study
from .study import sweep as sweep
from .training import train as train
from .values import KerasXorError as KerasXorError

__version__: str
