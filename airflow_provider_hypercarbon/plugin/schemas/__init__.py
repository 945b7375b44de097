"""The shapes of requests and answers: the mission's in its own words, the others in the house's."""
