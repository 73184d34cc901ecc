# A direction may be closed.
kubernetes 1.37

hpa web: 1 to 100 replicas of Deployment/web
  external metric load average value 10
  scale down: window 0s, select Disabled

pods: 5 ready

at 0s
  load is 10
  -> stays at 5
