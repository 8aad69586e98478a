"""The modules and signatures of CS231n's assignment 2 (2021) on numbanet's kernels.

A notebook runs when ``from cs231n.`` is changed to ``from numbanet.cs231n.``. The differences that remain: caches are
opaque; a batch of one is refused by batch normalisation in training; training whose loss becomes NaN stops with
`numbanet.TrainingDiverged`, which a search over learning rates has to catch; gradients are checked in float64 only;
checkpoints are npz files rather than pickles; and masks and weights are reproducible through ``np.random.seed`` but are
other numbers than NumPy's generator would give. `dropout` and `use_batchnorm` of earlier years are understood
(`classifiers.fc_net.FullyConnectedNet`); keywords and options that there are not are refused, with the one meant.

Kernels are compiled once per machine. Importing `fast_layers`, and a forward pass of batch normalisation, sees to those
whose first call the notebooks time.
"""
