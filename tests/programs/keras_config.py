"""Prints what of Keras a user's own settings could change."""

from spotimes.nn.frameworks import keras

config = keras.config
print(config.backend(), config.floatx(), config.epsilon(), config.image_data_format())
