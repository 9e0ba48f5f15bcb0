using Lean.Tensors;

namespace Lean.Comm.Tests;

public sealed class RankEnvironmentTests
{
    [Fact]
    public void Launchers_variables_become_one_environment()
    {
        Assert.Null(Read());
        Assert.Equal(new RankEnvironment("torchrun", 3, 4, 1, "10.0.0.1", 29500), Read("RANK=3", "WORLD_SIZE=4", "LOCAL_RANK=1", "MASTER_ADDR=10.0.0.1", "MASTER_PORT=29500"));
        Assert.Equal(new RankEnvironment("mpirun", 2, 4, 0, null, 0), Read("OMPI_COMM_WORLD_RANK=2", "OMPI_COMM_WORLD_SIZE=4", "OMPI_COMM_WORLD_LOCAL_RANK=0"));
        Assert.Equal(new RankEnvironment("mpiexec", 1, 2, 1, null, 0), Read("PMI_RANK=1", "PMI_SIZE=2"));
        Assert.Equal(new RankEnvironment("srun", 5, 8, 1, "node1", 29400), Read("SLURM_PROCID=5", "SLURM_NTASKS=8", "SLURM_LOCALID=1", "SLURM_STEP_ID=0", "MASTER_ADDR=node1", "MASTER_PORT=29400"));
        // A batch script is no step, and torchrun under srun counts its own processes.
        Assert.Null(Read("SLURM_PROCID=0", "SLURM_NTASKS=8"));
        Assert.Equal("torchrun", Read("RANK=3", "WORLD_SIZE=4", "LOCAL_RANK=1", "SLURM_PROCID=0", "SLURM_NTASKS=1", "SLURM_STEP_ID=0")!.Launcher);
    }

    [Theory]
    [InlineData("WORLD_SIZE is not; torchrun sets both", "RANK=3")]
    [InlineData("RANK is '4', expected a whole number from 0 to 3", "RANK=4", "WORLD_SIZE=4")]
    [InlineData("RANK is 'one'", "RANK=one", "WORLD_SIZE=4")]
    [InlineData("WORLD_SIZE is '0'", "RANK=0", "WORLD_SIZE=0")]
    [InlineData("LOCAL_RANK is '-1'", "RANK=0", "WORLD_SIZE=4", "LOCAL_RANK=-1")]
    [InlineData("MASTER_PORT is '70000'", "RANK=0", "WORLD_SIZE=4", "MASTER_ADDR=a", "MASTER_PORT=70000")]
    [InlineData("MASTER_ADDR is set, but MASTER_PORT is not", "RANK=0", "WORLD_SIZE=4", "MASTER_ADDR=a")]
    [InlineData("mpirun says that this is rank 1 of 4, mpiexec that it is rank 1 of 2", "OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=4", "PMI_RANK=1", "PMI_SIZE=2")]
    public void What_is_incomplete_or_contradicts_itself_is_refused(string words, params string[] variables) =>
        Assert.Contains(words, Assert.Throws<InputException>(() => Read(variables)).Message, StringComparison.Ordinal);

    private static RankEnvironment? Read(params string[] variables)
    {
        Dictionary<string, string> all = variables.Select(static v => v.Split('=')).ToDictionary(static p => p[0], static p => p[1]);
        return RankEnvironment.Read(all.GetValueOrDefault);
    }
}
