"""The model: training, recommending, explaining, saving."""
