"""The language of the house: messages, events, actions, wires, the engine. Imports nothing of ours."""
