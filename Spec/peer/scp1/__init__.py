"""SCP/1 over streams, written from Spec/SCP.md and its chapters alone: the second implementation."""
