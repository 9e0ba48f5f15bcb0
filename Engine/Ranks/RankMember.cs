using System.Runtime.InteropServices;
using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>
/// A process of one rank that follows rank 0: loads its part of the model and runs the steps that come over the control
/// channel, until there are no more.
/// </summary>
internal static class RankMember
{
    /// <summary>What members report once they have loaded.</summary>
    public const string Loaded = "loaded";

    /// <summary>Runs it to its end.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="options">The ranks.</param>
    /// <exception cref="LeanException">This rank or another one failed.</exception>
    public static void Run(string folder, RankOptions options)
    {
        RankSession session = options.Join(out ComputeDevice? device);
        LoadedModel? model = null;

        // Rank 0 gets the signal too, or is told; it may still have answers to end, and says when that is done.
        int signals = 0;
        void Wait(PosixSignalContext context) => context.Cancel = Interlocked.Increment(ref signals) == 1;
        session.Terminated = Wait;
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Wait);
        try
        {
            model = RankedModel.Part((own, collectives) => LoadedModel.Open(folder, own, collectives), session.Collectives, options, device);
            _ = session.Control.Report(Loaded, RankLoad.Of(model, RankDevices.Sharing(options)).ToBytes());
            using var receiver = new StepReceiver(session.Control, options.Layout, session.Collectives.Rank);
            if (receiver.Caches() is { } plan)
            {
                Run(model, plan, receiver, options.Form);
            }
        }
        catch (Exception fault)
        {
            session.Collectives.Abort($"rank {session.Collectives.Rank} ended in an error: {fault.Message}");
            throw;
        }
        finally
        {
            // What connects ranks goes before their devices do.
            session.Dispose();
            (model as IDisposable ?? device)?.Dispose();
        }
    }

    private static void Run(LoadedModel model, CachePlan plan, StepReceiver receiver, StepForm form)
    {
        ParallelLayout layout = model.Model.Shard.Layout;
        using var worker = new RankWorker(model, plan, form);
        var steps = new RankSteps(layout, model.Config, plan, form);
        var extents = new StepExtent[layout.Data];
        IDeviceEvent? mark = null;
        while (receiver.Next(out int number, extents, out StepImage image))
        {
            worker.Run(number, steps.Of(extents), image, [], ref mark);

            // The next step's image comes to where this one's is.
            mark?.Synchronize();
        }

        mark?.Dispose();
    }
}
