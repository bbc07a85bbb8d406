"""Models of other code, in and out: checkpoints of junyanz/pytorch-CycleGAN-and-pix2pix."""
