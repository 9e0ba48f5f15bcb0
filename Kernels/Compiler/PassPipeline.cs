using System.Collections.Immutable;
using System.Reflection;
using ILGPU.Backends;
using ILGPU.Backends.OpenCL.Transformations;
using ILGPU.Backends.PointerViews;
using ILGPU.Backends.PTX;
using ILGPU.Backends.PTX.Transformations;
using ILGPU.IR;
using ILGPU.IR.Transformations;

namespace Lean.Kernels.Compiler;

/// <summary>
/// The passes that kernels go through. ILGPU's own lists cannot be used: O2 moves loads from shared memory over
/// barriers (CodePlacement), and O1 loses address spaces, which some OpenCL drivers refuse. This is O1's list with
/// address spaces inferred and without CodePlacement.
/// </summary>
internal static class PassPipeline
{
    // The list of transformers is not public, and there is no other way to replace the last of them.
    private static readonly PropertyInfo Transformers =
        typeof(Backend).GetProperty("KernelTransformers", BindingFlags.Instance | BindingFlags.NonPublic)
        ?? throw new BuildException("this version of ILGPU has no Backend.KernelTransformers");

    /// <summary>Replaces a backend's optimisations.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="unroll">Whether loops of constant length are unrolled.</param>
    public static void Install(Backend backend, bool unroll)
    {
        Transformer.Builder passes = Transformer.CreateBuilder(TransformerConfiguration.Empty);
        if (unroll)
        {
            // Before arrays are lowered: with constant indices they become registers.
            passes.Add(new Inliner());
            passes.Add(new SimplifyControlFlow());
            passes.Add(new SSAConstruction());
            passes.Add(new DeadCodeElimination());
            Unroll(passes);
        }

        passes.Add(new LowerArrays(MemoryAddressSpace.Local));
        passes.Add(new LowerPointerViews());
        passes.Add(backend is PTXBackend
            ? new PTXAcceleratorSpecializer(backend.PointerType, enableAssertions: false, enableIOOperations: false)
            : new CLAcceleratorSpecializer(backend.PointerType, enableIOOperations: false));
        passes.Add(new Inliner());
        Clean(passes);
        passes.Add(new InferKernelAddressSpaces(MemoryAddressSpace.Global));
        passes.Add(new LowerStructures());
        Clean(passes);
        passes.Add(new SSAStructureConstruction());
        passes.Add(new InferLocalAddressSpaces());
        passes.Add(new CleanupBlocks());
        passes.Add(new SimplifyControlFlow());
        passes.Add(new LoopInvariantCodeMotion());
        if (unroll)
        {
            // Again, for the loops that inlining has brought in.
            Unroll(passes);
            passes.Add(new SSAConstruction());
            passes.Add(new SSAStructureConstruction());
            passes.Add(new LowerStructures());
        }

        Clean(passes);
        passes.Add(new SimplifyControlFlow());
        passes.Add(new JoinCheck());

        var stock = (ImmutableArray<Transformer>)Transformers.GetValue(backend)!;
        Transformers.SetValue(backend, stock.RemoveAt(stock.Length - 1).Add(passes.ToTransformer()));
    }

    private static void Unroll(Transformer.Builder passes)
    {
        passes.Add(new LoopUnrolling());
        Clean(passes);
        passes.Add(new SimplifyControlFlow());
    }

    private static void Clean(Transformer.Builder passes)
    {
        passes.Add(new UnreachableCodeElimination());
        passes.Add(new DeadCodeElimination());
    }
}
