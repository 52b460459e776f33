"""A synthetic signer: draws hands that fingerspell, as pictures and as films, from nothing but a seed.

It stands in where no pictures of people are available: for the demo, and for tests that must know what a film shows
when. The handshapes are those of American fingerspelling, drawn from a model of the bones; skin, light and rooms are
guesses. **These pictures are not training data for real people**: a model that recognises them perfectly may fail on
everybody.

0 and O, 6 and W, 9 and F are the same or nearly the same handshape, in ASL as here: a classifier of letters and digits
together confuses them, as people do without context.
"""
