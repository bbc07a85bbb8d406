"""The pair doctor: what is wrong with a folder of pairs, found before it is trained on."""
