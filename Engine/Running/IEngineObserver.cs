namespace Lean.Engine.Running;

/// <summary>Whoever wants to know how an engine is doing. Called on the engine's thread, so each call should be short and allocate nothing.</summary>
internal interface IEngineObserver
{
    /// <summary>A step was run, or there was nothing to do.</summary>
    void Stepped(in EngineFigures figures);
}
