# Of several policies the one that allows the largest change counts, unless selectPolicy says otherwise. Each period
# remembers what was added in it; a rescale that is exactly as old as the period is forgotten.
kubernetes 1.37

hpa web: 1 to 50 replicas of Deployment/web
  external metric load average value 1
  scale up: 2 pods per 1m, 50% per 1m

pods: 4 ready

at 0s
  load is 100
  -> scales 4 to 6
  -> condition ScalingLimited True ScaleUpLimit
at 15s
  pods: 6 ready
  -> stays at 6
  -> condition AbleToScale True ReadyForNewScale
  -> condition ScalingLimited True ScaleUpLimit
at 59.999s
  -> stays at 6

# Two pods would make 8, half again makes 9.
at 1m
  -> scales 6 to 9
