from hanse.flows.library import pull as pull
from hanse.flows.library import verify as verify

__version__: str
