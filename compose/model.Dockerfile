# An image that serves one registered model: the project's image, so that package and dependencies are there, with the
# model's files in it. The context is made by gaiaflow: model/ holds the files. Nothing is downloaded when it starts.
ARG GAIAFLOW_IMAGE
FROM ${GAIAFLOW_IMAGE}
USER 0
COPY model /opt/model
ENV __pyfunc_model_path__=/opt/model DO_NOT_TRACK=1 MLFLOW_DISABLE_TELEMETRY=true \
    HOME=/tmp USER=gaiaflow LOGNAME=gaiaflow
ARG GAIAFLOW_UID=10001
USER ${GAIAFLOW_UID}:0
# An image that cannot load its model is not made.
RUN python -c "import uvicorn, mlflow.pyfunc; mlflow.pyfunc.load_model('/opt/model')"
EXPOSE 5001
ENTRYPOINT []
CMD ["python", "-m", "uvicorn", "mlflow.pyfunc.scoring_server.app:app", "--host", "0.0.0.0", "--port", "5001"]
