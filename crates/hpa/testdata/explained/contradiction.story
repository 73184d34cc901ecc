# What is assumed for pods without a value may point the other way; then nothing is done.
kubernetes 1.37

hpa web: 1 to 40 replicas of Deployment/web
  pods metric in_flight average value 10

pods: 4 ready

at 0s
  in_flight is 12 on web-1, 12 on web-2
  -> stays at 4
