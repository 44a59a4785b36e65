"""The machinery that every task uses: the contract, the data, the loop, the models."""
