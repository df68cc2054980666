"""What solvers and derived rules both need of a problem: structure, priors, closed forms."""
