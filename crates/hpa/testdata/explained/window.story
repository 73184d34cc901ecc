# A stabilisation window holds the size, downwards and upwards.
kubernetes 1.37

hpa web: 2 to 20 replicas of Deployment/web
  external metric load average value 10
  scale up: window 1m
  scale down: window 5m

pods: 8 ready

at 0s
  load is 80
  -> stays at 8
at 15s
  load is 45
  -> stays at 8
at 30s
  load is 120
  -> stays at 8
at 6m
  load is 45
  -> scales 8 to 5
