"""The pickle machine and its judge: opcodes are followed symbolically, nothing is built or called."""
