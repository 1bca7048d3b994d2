"""`argus notify`: tells people. A process of its own, so that no mail server ever holds up the stream."""
