# A `behavior` that says nothing still changes the rules: in 15 s four pods may come, or as many as there are, whichever
# is more, counted from the size at the start of the 15 s. Without it, each turn may double.
kubernetes 1.37

hpa web: 1 to 50 replicas of Deployment/web
  external metric load average value 1
  scale up: defaults

pods: 3 ready

at 0s
  load is 40
  -> scales 3 to 7
  -> condition ScalingLimited True ScaleUpLimit

# From three pods at the start of the period, seven is all.
at 5s
  pods: 7 ready
  -> stays at 7
at 15s
  -> scales 7 to 14
