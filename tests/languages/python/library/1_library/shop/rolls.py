import random

ROLL = random.random()
