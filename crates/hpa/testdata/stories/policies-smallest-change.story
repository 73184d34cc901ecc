# With selectPolicy Min the policy that allows the smallest change counts; with Disabled a direction is closed.
kubernetes 1.37

hpa web: 1 to 50 replicas of Deployment/web
  external metric load average value 1
  scale up: 2 pods per 1m, 50% per 1m, select Min
  scale down: window 0s, select Disabled

pods: 6 ready

at 0s
  load is 100
  -> scales 6 to 8
  -> condition ScalingLimited True ScaleUpLimit
at 15s
  pods: 8 ready
  load is 1
  -> load proposes 1
  -> stays at 8
  -> condition AbleToScale True ReadyForNewScale
  -> condition ScalingLimited True ScaleDownLimit "the desired replica count is decreasing faster than the maximum scale rate"
