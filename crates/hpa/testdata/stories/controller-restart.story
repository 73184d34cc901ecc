# What was asked for is in the controller's memory only. After a restart the list begins with the present size, so for
# a whole window nothing is scaled down.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  external metric load average value 10

pods: 5 ready
load is 20

at 0s every 15s until 4m45s
  -> load proposes 2
  -> stays at 5
  -> condition AbleToScale True ScaleDownStabilized
# Without the restart this turn would have scaled down.
at 5m
  the controller restarts
  -> stays at 5
at 5m15s every 15s until 9m45s
  -> stays at 5
at 10m
  -> scales 5 to 2: "All metrics below target"
