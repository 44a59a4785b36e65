"""The machinery every task stands on: the contract, the data, the loop, the models."""
