"""Pictures decoded once and kept, in files of some thousands each, for whichever run asks next."""
