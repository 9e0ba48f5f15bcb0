using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>A model that an engine can run, on one device or on the ranks of a layout.</summary>
internal interface IEngineSource : IDisposable
{
    /// <summary>The whole model.</summary>
    ModelConfig Config { get; }

    /// <summary>The model as loaded; of several ranks, the part of the first one.</summary>
    LoadedModel Loaded { get; }

    /// <summary>What several ranks hold and did, or null where there is one.</summary>
    LayoutReport? Ranks { get; }

    /// <summary>Allocates caches and makes an engine. Of several ranks one runs at a time, and where ranks are processes there is one.</summary>
    /// <exception cref="InputException">The memory named for caches is too little.</exception>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    GenerationEngine Start(EngineOptions options);
}
